import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { ManualClock } from './manual-clock.ts';
import { describeRoomStore } from './room-store.contract.ts';

describeRoomStore('MemoryRoomStore', (limits) => {
  const clock = new ManualClock();
  const elapse = (milliseconds: number): Promise<void> => {
    clock.advance(milliseconds);
    return Promise.resolve();
  };
  return Promise.resolve({ store: new MemoryRoomStore({ limits, clock }), elapse });
});
