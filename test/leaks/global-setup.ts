// Starts the one stack of the leak lab, on the private Tor network, and removes it behind the tests.

export { setup } from '../containers/global-setup.ts';
