/** A value as a debugger shows it, in the words of the Debug Adapter Protocol; what the child and the front exchange. */
export interface ShownVariable {
  readonly name: string;
  readonly value: string;
  readonly type?: string;
  /** Expression that gives the value again, where there is one. */
  readonly evaluateName?: string;
  /** Asks for what the value holds; 0 where it holds nothing. Valid until the code runs on. */
  readonly variablesReference: number;
  readonly indexedVariables?: number;
  readonly namedVariables?: number;
  readonly presentationHint?: {
    readonly kind?: string;
    readonly attributes?: readonly string[];
    readonly lazy?: boolean;
    readonly visibility?: string;
  };
}

/** Which of a value's children are asked for. */
export interface ChildrenAsked {
  readonly filter?: 'indexed' | 'named' | undefined;
  readonly start?: number | undefined;
  readonly count?: number | undefined;
}
