/** Name of the Web Lock that a tab holds while it farms and that another context waits for. */
export const AWAKE_LOCK = 'allotment-awake';
