export { HandClock as FakeClock } from "../../src/testing/hand_clock.ts";
