// What can be said of one protection. What cannot be seen is not there: nobody is asked to trust it.

/** `unasked`: only the gateways can tell, and nobody has asked for them yet. */
export type Standing = 'in-place' | 'missing' | 'unseen' | 'unasked';
