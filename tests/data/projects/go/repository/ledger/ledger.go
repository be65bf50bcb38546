// Package ledger keeps balances.
package ledger

// Entry moves an amount, in cents, to an account.
type Entry struct {
	Account string
	Cents   int64
}

// Ledger is a set of accounts. Its zero value is an empty ledger.
type Ledger struct {
	balances map[string]int64
}

// Open adds an account with a balance.
func (l *Ledger) Open(account string, cents int64) {
	if l.balances == nil {
		l.balances = map[string]int64{}
	}
	l.balances[account] = cents
}

// Post adds an entry; an account that is not open yet is opened by it.
func (l *Ledger) Post(entry Entry) {
	l.balances[entry.Account] += entry.Cents
}

// Balance is what stands in an account.
func (l *Ledger) Balance(account string) int64 {
	return l.balances[account]
}
