package verify

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
)

// askTime is how long a process may take to report its goroutines and memory.
const askTime = 10 * time.Second

// noteHeld records how many goroutines and how much memory each process of the cluster
// has. It reads that from the metrics of the process. A function has no metrics.
func noteHeld(ctx context.Context, cluster *up.Cluster, book *ledger.Writer) error {
	processes := cluster.Routes()
	for _, n := range cluster.Nodes() {
		if n.Running() {
			processes = append(processes, n.Process)
		}
	}
	for _, p := range processes {
		held, err := heldBy(ctx, p)
		if err != nil {
			return fmt.Errorf("ask what %s holds: %w", p.Name, err)
		}
		book.Write(ledger.Record{Kind: ledger.Process, Held: held})
	}
	return nil
}

func heldBy(ctx context.Context, p *up.Process) (*ledger.Held, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+proto.PathMetrics, nil)
	if err != nil {
		return nil, err
	}
	answer, err := p.HTTP().Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", answer.Status)
	}
	held := &ledger.Held{Name: p.Name}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseFloat(value, 64) // the value is a number on the lines that are used
		switch name {
		case "go_goroutines":
			held.Goroutines = int(n)
		case "go_memstats_heap_alloc_bytes":
			held.Memory = int64(n)
		}
	}
	return held, lines.Err()
}
