import { plan } from "../src/routes";

function expect(name: string, found: number[], wanted: number[]): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${name}: ${JSON.stringify(found)} in place of ${JSON.stringify(wanted)}`);
  }
}

const port = { id: 1, address: { street: "1 Harbour Way", zone: { name: "port", days: ["Monday"] } } };
const outside = { id: 2, address: { street: "9 Mill Lane" } };

expect("within a zone", plan([port], "monday"), [1]);
expect("outside all zones", plan([port, outside], "friday"), [2]);
