// Holds the store in memory to the contract of every room store.

import { describe } from 'vitest';
import { MemoryRoomStore } from '../src/store/memory-room-store.ts';
import { FakeClock } from '@sotto/fixtures';
import { describeRoomStore } from './room-store.contract.ts';

describe('the store in memory', () => {
  describeRoomStore('MemoryRoomStore', (limits) => {
    const clock = new FakeClock();
    const elapse = (milliseconds: number): Promise<void> => {
      clock.tick(milliseconds);
      return Promise.resolve();
    };
    return Promise.resolve({ store: new MemoryRoomStore({ limits, clock }), elapse });
  });
});
