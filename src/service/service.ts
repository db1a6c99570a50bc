import { ACTIONS, type Action } from '../access/rights/actions.ts';
import { demand } from '../access/rights/decide.ts';
import { PROCEDURE_ACTIONS, type ProcedureRule } from '../access/rights/procedure_actions.ts';
import type { Resource } from '../access/rights/scope.ts';
import { CausewayError } from '../base/errors.ts';
import type { ProcedureName } from '../contract/routes.ts';
import type { Call, Caller } from './caller.ts';
import type { EventHub } from './event_hub.ts';
import type { OnceOnly } from './once_only.ts';
import { isLimited, withPlaces } from './path_places.ts';
import type { ServiceParts } from './ports.ts';
import type { Procedure } from './procedure.ts';
import { PROCEDURE_HANDLERS } from './procedures.ts';

/** The way of every request: who is it, may it, is it recorded, and only then is it done. */
export class Service {
  readonly parts: ServiceParts;
  readonly events: EventHub;
  readonly #once: OnceOnly;

  constructor(parts: ServiceParts, events: EventHub, once: OnceOnly) {
    this.parts = parts;
    this.#once = once;
    this.events = events;
  }

  /**
   * Answers a procedure. CW_AUTH_REQUIRED for nobody, CW_ACCESS_DENIED, CW_AUDIT_UNAVAILABLE where a change cannot be
   * recorded, else what the procedure throws.
   */
  async call(name: ProcedureName, call: Call): Promise<unknown> {
    const procedure = PROCEDURE_HANDLERS[name];
    const rule: ProcedureRule = PROCEDURE_ACTIONS[name];
    if (rule === 'open') return procedure.act(this.parts, call);
    requireSomebody(call.caller);
    if (rule === 'signed-in') return procedure.act(this.parts, call);
    await this.#authorise(rule, procedure, call);
    if (!ACTIONS[rule].changes && procedure.isRecorded !== true) return procedure.act(this.parts, call);
    const { key = null } = call;
    if (key === null || !ACTIONS[rule].changes) return this.#recorded(rule, procedure, call);
    return this.#once.run(this.parts, { name, procedure, call, key }, (reserved) =>
      this.#recorded(rule, procedure, reserved),
    );
  }

  /** Decides on something that is no procedure, and records it where it is asked for. */
  async permit(caller: Caller, action: Action, resources: readonly Resource[]): Promise<void> {
    requireSomebody(caller);
    try {
      this.#demand(caller, action, resources);
    } catch (failure) {
      this.parts.trail.refused({ caller, action, resource: '' }, failure);
      throw failure;
    }
  }

  async #authorise(action: Action, procedure: Procedure, call: Call): Promise<void> {
    const { caller } = call;
    try {
      const resources = await this.#resourcesOf(action, procedure, call);
      this.#demand(caller, action, resources);
      // what is allowed by its path is allowed only where that leads there
      if (opensPaths(action) && isLimited(caller.principal))
        this.#demand(caller, action, await withPlaces(this.parts, resources));
      for (const further of procedure.also?.(call) ?? []) this.#demand(caller, further, []);
    } catch (failure) {
      const resource = this.#subjectOf(procedure, call);
      this.parts.trail.refused({ caller, action, resource }, failure);
      throw failure;
    }
  }

  async #recorded(action: Action, procedure: Procedure, call: Call): Promise<unknown> {
    const { caller } = call;
    const deed = {
      caller,
      action,
      resource: this.#subjectOf(procedure, call),
      details: procedure.details?.(call),
    };
    const begun = await this.parts.trail.begin(deed);
    try {
      const result = await procedure.act(this.parts, call);
      begun.done(procedure.outcome?.(result));
      return result;
    } catch (failure) {
      begun.failed(failure);
      throw failure;
    }
  }

  #demand({ principal, address }: Caller, action: Action, resources: readonly Resource[]): void {
    demand(principal, action, resources, { nowMs: this.parts.clock.wallMs(), address });
  }

  async #resourcesOf(action: Action, procedure: Procedure, call: Call): Promise<readonly Resource[]> {
    if (procedure.resources) return procedure.resources(this.parts, call);
    const { reach } = ACTIONS[action];
    if (reach === 'vm') return [{ kind: 'vm', vm: call.params['name'] ?? '' }];
    if (reach === 'own') return [{ kind: 'account', userId: call.caller.principal.userId }];
    return [];
  }

  #subjectOf(procedure: Procedure, call: Call): string {
    const text = procedure.subject?.(this.parts, call) ?? call.params['name'] ?? call.params['id'] ?? '';
    return text.slice(0, 8_192);
  }
}

function requireSomebody({ principal }: Caller): void {
  if (principal.kind === 'nobody') throw new CausewayError('CW_AUTH_REQUIRED', 'nobody has signed in');
}

/** Others only look at what is known of a path. */
function opensPaths(action: Action): boolean {
  return ACTIONS[action].changes || action === 'file.list';
}
