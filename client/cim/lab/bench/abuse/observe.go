package abuse

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto/retry"
)

// memory records the largest memory of processes. It is safe for concurrent use.
type memory struct {
	processes []procstat.Process

	mu   sync.Mutex
	most map[string]int64 // bytes by name
	err  error
}

const lookEvery = 500 * time.Millisecond

// run reads their memory again and again until ctx ends.
func (m *memory) run(ctx context.Context) {
	for at := time.Now(); retry.Sleep(ctx, time.Until(at)); at = at.Add(lookEvery) {
		for _, p := range m.processes {
			bytes, err := p.Resident()
			m.note(p.Name, bytes, err)
		}
	}
}

func (m *memory) note(name string, bytes int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.err = err
		return
	}
	if m.most == nil {
		m.most = make(map[string]int64)
	}
	m.most[name] = max(m.most[name], bytes)
}

// begin forgets the earlier values.
func (m *memory) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most = nil
}

// hashedMetric counts the passwords that a route has hashed.
const hashedMetric = "cim_route_password_hash_wait_seconds_count"

// hashed returns how many passwords the route at url has hashed.
func hashed(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), hashedMetric+" "); ok {
			return strconv.Atoi(value)
		}
	}
	return 0, fmt.Errorf("read metrics: there is no %s: %w", hashedMetric, lines.Err())
}
