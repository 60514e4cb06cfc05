package record

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// One operation is one message with 128 random hex digits among 10,000 users. Run it with
// -benchtime 1000000x. It reports by how much the server's memory grows per message, for
// both copies and the id: what Redis counts as used, and what is resident.
func BenchmarkMemoryPrivate(b *testing.B) {
	s := dial(b, Config{URL: storetest.Server.URL()})
	flush(b, s)
	users := make([]int64, 10000)
	for i := range users {
		users[i] = register(b, s, fmt.Sprint("user", i))
	}
	batch, text := make([]Message, 100), make([]byte, 64)
	used, resident := serverMemory(b, s)
	n := 0
	for b.Loop() {
		i := n % len(batch)
		from := rand.IntN(len(users))
		for k := range text {
			text[k] = byte(rand.Uint32())
		}
		batch[i] = private(users[from], users[(from+1+rand.IntN(len(users)-1))%len(users)], fmt.Sprintf("%016x", rand.Uint64()))
		batch[i].Text = hex.EncodeToString(text)
		if n++; i == len(batch)-1 {
			stored(b, s, batch...)
		}
	}
	usedNow, residentNow := serverMemory(b, s)
	b.ReportMetric(float64(usedNow-used)/float64(n), "used-B/msg")
	b.ReportMetric(float64(residentNow-resident)/float64(n), "resident-B/msg")
}

// serverMemory returns the bytes that the server uses, and those that are resident.
func serverMemory(b *testing.B, s *Store) (used, resident int64) {
	b.Helper()
	info, err := s.Topology.(servers.One).Info(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, _ = fmt.Sscan(servers.InfoField(info, "used_memory"), &used)
	_, _ = fmt.Sscan(servers.InfoField(info, "used_memory_rss"), &resident)
	return used, resident
}
