/** A small lab for the engine's tests: shows what a globals module may do. */
export async function createCellGlobals(host) {
  return {
    names: {
      lab: {
        answer: 42,
        fail: () => {
          throw Object.assign(new Error('the board is gone'), { code: 'board.lost', remedy: 'connect again' });
        },
      },
      comms: host.comms,
      input: (prompt, password = false) => host.input({ prompt, password }),
      display: (data, options) => host.display(data, options),
      clear: (wait) => host.clearOutput(wait),
      later: (data) => host.hold(new Promise((resolve) => setImmediate(() => resolve(host.display(data))))),
      kernel: {
        settings: host.settings,
        get signal() {
          return host.signal;
        },
        get executionCount() {
          return host.executionCount;
        },
      },
    },
    async present(value) {
      if (value?.rich === 'yes') return { 'text/html': '<b>rich</b>' };
      if (value?.rich === 'broken') throw new Error('cannot draw');
      return undefined;
    },
    explain: (error) => (error?.code && error?.remedy ? [`code: ${error.code}`, `remedy: ${error.remedy}`] : []),
    internals: [import.meta.dirname],
    async dispose() {},
  };
}
