/** How long members of a cluster wait for one another, all in milliseconds: native members do the same. */

/** Members say again that they are there after so long; those silent for twice that are forgotten. */
export const ANNOUNCE_MS = 30_000;
export const FORGET_MS = 2 * ANNOUNCE_MS;
/** Farms that announce themselves, as releases up to 2025 have it, do so once a minute. */
export const ANNOUNCE_FARM_MS = 60_000;
export const FORGET_FARM_MS = 2 * ANNOUNCE_FARM_MS;
/** Being asked more often than this changes nothing. */
export const ANNOUNCE_PAUSE_MS = 1_000;

/** An answer to a request is waited for so long. */
export const REQUEST_TIMEOUT_MS = 5 * 60_000;
/** A request that nobody answers is made again for so long, at ever longer intervals. */
export const REQUEST_RETRY_MS = 60_000;

/** An acknowledgement of a stream's message is waited for so long. */
export const ACK_TIMEOUT_MS = 60_000;
/** A plotter says that it is there after so long. */
export const PING_MS = 10_000;
/** Whoever streams and says nothing for so long is gone. */
export const SILENCE_MS = 60_000;
