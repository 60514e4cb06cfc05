package crowd

import (
	"errors"
	"net/http"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// A proxy may send a call twice, and answer with what the second is answered. The first may
// have been stored if the second is told to come again.
func TestOnlyAFinalAnswerSaysThatAKiosksMessageIsStoredNowhere(t *testing.T) {
	for status, want := range map[int]ledger.Kind{
		http.StatusOK:                  ledger.Accepted,
		http.StatusUnauthorized:        ledger.Refused,
		http.StatusRequestTimeout:      ledger.Unknown,
		http.StatusTooEarly:            ledger.Unknown,
		http.StatusTooManyRequests:     ledger.Unknown,
		http.StatusInternalServerError: ledger.Unknown,
		http.StatusServiceUnavailable:  ledger.Unknown,
	} {
		if got := outcomeOf(status, nil); got != want {
			t.Errorf("%d: %v instead of %v", status, got, want)
		}
	}
	if got := outcomeOf(0, errors.New("no answer")); got != ledger.Unknown {
		t.Errorf("no answer: %v", got)
	}
}
