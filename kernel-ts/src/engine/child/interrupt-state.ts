/** How far an interrupt has come; both threads look at it. */
export const INTERRUPT_STATE = {
  asked: 0,
  /** The main thread handles the question: from here on a termination would hit the kernel. */
  answered: 1,
  /** Nobody has answered, so what runs is terminated. */
  terminating: 2,
} as const;
