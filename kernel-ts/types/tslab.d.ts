// The public names of tslab 1.0.22, as the kernel provides them to cells.

/** Shows content of one MIME type. */
export interface Display {
  javascript(content: string): void;
  html(content: string): void;
  markdown(content: string): void;
  latex(content: string): void;
  svg(content: string): void;
  png(content: Uint8Array): void;
  jpeg(content: Uint8Array): void;
  gif(content: Uint8Array): void;
  pdf(content: Uint8Array): void;
  text(content: string): void;
  raw(contentType: string, content: string | Uint8Array): void;
}
/** Shows below what the cell has shown so far. */
export declare const display: Display;
/** A display that later calls replace in place. */
export declare function newDisplay(): Display;
export declare const versions: { readonly tslab: string; readonly typescript: string; readonly node: string };
