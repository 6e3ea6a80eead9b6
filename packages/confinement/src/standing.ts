// What can be said of one protection. What cannot be seen is not there: nobody is asked to trust it.

export type Standing = 'in-place' | 'missing' | 'unseen';
