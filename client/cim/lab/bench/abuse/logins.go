package abuse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// logins logs one account in by its password, once per second.
type logins struct {
	url     string
	account string
	roaming bool // each login comes from another address; false: the system picks the address
	all     sync.WaitGroup

	mu     sync.Mutex
	tried  int
	ok     int
	took   procstat.Histogram
	nextAt int // number of the next address; begin does not reset it
}

const (
	loginEvery = time.Second
	// loginPatience is how long a client waits for the answer.
	loginPatience = 10 * time.Second
	// probeDevice is the device of a login that the SDK does not make.
	probeDevice = "probe"
	// roamingNetwork is the network of the addresses that the account does not know yet.
	roamingNetwork = 77
)

func newLogins(url string, account int, roaming bool) *logins {
	return &logins{url: url, account: accountName(account), roaming: roaming}
}

// run logs in until ctx ends, and waits for the answers.
func (l *logins) run(ctx context.Context) {
	defer l.all.Wait()
	for at := time.Now(); retry.Sleep(ctx, time.Until(at)); at = at.Add(loginEvery) {
		l.all.Go(func() { l.one(at) })
	}
}

// one logs in once. The time of the login is measured from the time due.
func (l *logins) one(due time.Time) {
	l.mu.Lock()
	var from net.Addr
	if l.roaming {
		from = &net.TCPAddr{IP: attack.Address(roamingNetwork, l.nextAt)}
	}
	l.nextAt++
	l.mu.Unlock()
	ok := l.try(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried++
	if ok {
		l.ok++
	}
	l.took.Record(time.Since(due))
}

// try logs in on a new connection from an address, and reports whether the user was let in.
func (l *logins) try(from net.Addr) bool {
	dialer := net.Dialer{LocalAddr: from}
	c := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(context.Background(), loginPatience)
	defer cancel()
	_, err := login(ctx, &c, l.url, l.account, probeDevice)
	return err == nil
}

// login makes one request to log an account in.
func login(ctx context.Context, c *http.Client, url, account, device string) (proto.LoginAnswer, error) {
	var admitted proto.LoginAnswer
	body, err := json.Marshal(proto.LoginRequest{Name: account, Password: password, Device: device})
	if err != nil {
		return admitted, fmt.Errorf("log %s in: %w", account, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+proto.PathLogin, bytes.NewReader(body))
	if err != nil {
		return admitted, fmt.Errorf("log %s in: %w", account, err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.Do(r)
	if err != nil {
		return admitted, fmt.Errorf("log %s in: %w", account, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return admitted, fmt.Errorf("log %s in: the route answers %s", account, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&admitted); err != nil {
		return admitted, fmt.Errorf("log %s in: %w", account, err)
	}
	return admitted, nil
}

// begin starts all counts at zero.
func (l *logins) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried, l.ok = 0, 0
	l.took.Reset()
}
