package shop;

import java.util.logging.Level;
import java.util.logging.Logger;

/** Confirms the bookings of the day. */
public final class Main {
    private static final Logger LOGGER = Logger.getLogger("shop.bookings");

    public static void main(String[] args) {
        Bookings bookings = new Bookings();
        bookings.open("matinee", 80);
        for (int id = 1; id <= 2; id++) {
            try {
                boolean enough = bookings.book("matinee", 2);
                LOGGER.info("booking " + id + (enough ? " confirmed" : " refused"));
            } catch (RuntimeException cause) {
                LOGGER.log(Level.SEVERE, "booking " + id + " could not be confirmed", cause);
            }
        }
    }
}
