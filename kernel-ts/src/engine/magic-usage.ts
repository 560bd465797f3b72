/** The line magics, and how each is used: what `%help`, completion and inspection say. */
export const MAGICS = {
  time: '%time CODE             runs the statement that follows and shows how long it took',
  timeit: '%timeit CODE           runs it many times, after a warm-up, and shows median, minimum and maximum',
  env: '%env [NAME[=VALUE]]    lists the environment, shows one variable or sets it; secrets are not listed',
  who: '%who                   lists the names that cells have declared',
  help: '%help                  this text',
} as const;

/** One of them. */
export type MagicWord = keyof typeof MAGICS;
