package shop;

/** Fails with the first expectation that does not hold. */
public final class BookingsTest {
    public static void main(String[] args) {
        Bookings bookings = new Bookings();
        bookings.open("matinee", 3);
        expect(bookings.free("matinee") == 3, "all seats are free at first");
        expect(bookings.book("matinee", 2), "there are enough seats");
        expect(!bookings.book("matinee", 2), "there are not enough seats any more");
        expect(bookings.free("evening") == 0, "a show that is not open has no seats");
    }

    private static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
