// The module that the thread of a lane's connection starts with.
import { serveLane } from '../world/node/lane/lane_thread.ts';

serveLane();
