/** Code → remedy, over all packages. */
export declare function registry(): Promise<Record<string, string>>;
