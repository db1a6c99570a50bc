export { field, fieldList, objectField, parseState, type StateObject } from '../../config/state_json.ts';
