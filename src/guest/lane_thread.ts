// The module that the thread of a lane's connection starts with.
import { serveLanes } from '../world/node/lane/lane_thread.ts';

serveLanes();
