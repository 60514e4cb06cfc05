package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

func TestRouteThatIsBusyIsAskedAgain(t *testing.T) {
	asked := 0
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked++; asked {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"user":7}`)
	}))
	defer route.Close()
	a := new(Config).newAPI([]string{route.URL})
	if err := a.register(t.Context(), 1); err != nil || a.users[0] != 7 || asked != 3 || a.repeated() != 2 {
		t.Fatalf("after %d requests: users %v, %v", asked, a.users, err)
	}
	if later, err := a.try(t.Context(), 0, proto.PathLogin+"/none", nil, new(proto.LoginAnswer)); later != 0 || err != nil {
		t.Fatalf("an answer is taken as %v, %v", later, err)
	}
}

// A limit of registrations is not waited for, but a turn in a crowd is.
func TestRouteThatSaysMuchLaterIsNotAskedAgain(t *testing.T) {
	asked := 0
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "180")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer route.Close()
	a := new(Config).newAPI([]string{route.URL})
	if err := a.register(t.Context(), 1); err == nil || asked != 1 || !strings.Contains(err.Error(), "3m0s") {
		t.Errorf("after %d requests: %v", asked, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // a login of a crowd waits on
	defer cancel()
	if _, err := a.comeBack(ctx, 0); err == nil || ctx.Err() == nil {
		t.Errorf("a login gives up: %v", err)
	}
}

// A connection that breaks is no answer, but one that breaks always is an error.
func TestLostRequestIsRepeated(t *testing.T) {
	for most, want := range map[int64]bool{1: true, 100: false} {
		var asked atomic.Int64
		route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) <= most {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, `{"user":7}`)
		}))
		defer route.Close()
		if err := new(Config).newAPI([]string{route.URL}).register(t.Context(), 1); (err == nil) != want || asked.Load() > 1+mostLost {
			t.Errorf("%d requests break: after %d, %v", most, asked.Load(), err)
		}
	}
}
