package shop;

import java.util.HashMap;
import java.util.Map;

/** Seats that are booked, by show. */
final class Bookings {
    private final Map<String, Integer> seats = new HashMap<>();
    private final Map<String, Integer> booked = new HashMap<>();

    void open(String show, int count) {
        seats.put(show, count);
    }

    /** Books seats; whether there were enough. */
    boolean book(String show, int count) {
        if (count > free(show)) {
            return false;
        }
        booked.merge(show, count, Integer::sum);
        return true;
    }

    /** Seats that are left of a show; none of one that is not open. */
    int free(String show) {
        int all = seats.getOrDefault(show, 0);
        int taken = booked.get(show);
        return all - taken;
    }
}
