// Posts the entries of the day.
package main

import (
	"log"
	"runtime/debug"

	"example.com/shop/ledger"
)

// post answers a panic with a line in the log, so that one book does not stop the others.
func post(book string, l *ledger.Ledger, entries []ledger.Entry) {
	defer func() {
		if cause := recover(); cause != nil {
			log.Printf("ERROR book %s could not be posted: panic: %v\n\n%s", book, cause, debug.Stack())
		}
	}()
	for _, entry := range entries {
		l.Post(entry)
	}
	log.Printf("INFO book %s posted: %d entries", book, len(entries))
}

func main() {
	var north, south ledger.Ledger
	north.Open("till", 10000)
	post("north", &north, []ledger.Entry{{Account: "till", Cents: 250}})
	post("south", &south, []ledger.Entry{{Account: "till", Cents: 990}})
}
