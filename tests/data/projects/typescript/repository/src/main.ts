import { Delivery, daysOf } from "./routes";

const DELIVERIES: Delivery[] = [
  { id: 71, address: { street: "1 Harbour Way", zone: { name: "port", days: ["Monday", "Thursday"] } } },
  { id: 72, address: { street: "9 Mill Lane" } },
  { id: 73, address: { street: "4 High Street", zone: { name: "centre", days: ["Tuesday"] } } },
];

function log(level: string, message: string): void {
  console.error(`${new Date().toISOString()} ${level} deliveries: ${message}`);
}

for (const delivery of DELIVERIES) {
  try {
    log("INFO", `delivery ${delivery.id} goes out on ${daysOf(delivery).join(", ")}`);
  } catch (error) {
    log("ERROR", `delivery ${delivery.id} could not be planned\n${(error as Error).stack}`);
  }
}
