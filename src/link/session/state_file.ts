export { StateFile } from '../../config/state_file.ts';
