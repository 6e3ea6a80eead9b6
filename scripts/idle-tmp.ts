import { benchIdle } from './bench-idle.ts';
await benchIdle(Number(process.argv[2] ?? 60));
