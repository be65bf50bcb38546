package ledger

import "testing"

func TestAnOpenAccountIsPostedTo(t *testing.T) {
	var l Ledger
	l.Open("till", 100)
	l.Post(Entry{"till", 50})
	if got := l.Balance("till"); got != 150 {
		t.Errorf("%d in place of 150", got)
	}
}

func TestAnEmptyLedgerIsPostedTo(t *testing.T) {
	var l Ledger
	l.Post(Entry{"till", 50})
	if got := l.Balance("till"); got != 50 {
		t.Errorf("%d in place of 50", got)
	}
}
