/** Owns resources and closes them once, in reverse order of their adding; the first failure is thrown after all were closed. */
export class Scope implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];
  #closing: Promise<void> | null = null;

  add<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  defer(close: () => Promise<void> | void): void {
    this.#resources.push({ [Symbol.asyncDispose]: async () => close() });
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const resource of this.#resources.splice(0).reverse()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
