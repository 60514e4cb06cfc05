package record

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// One operation is one request of a device, with Config.Replicas at one, at another
// route than the one that stored the new message. It is a pull of one message, a login,
// or the reconciliation of a connection. A call has 500 of these, and either all or
// none of them have news. cpu-us/op is the CPU time of the primary.
func BenchmarkReplicatedReads(b *testing.B) {
	const users = 500
	for name, news := range map[string]bool{"pull": true, "login": true, "reconcile": true, "reconcile-quiet": false} {
		for _, callers := range []int{1, 16} {
			if callers > 1 && strings.HasPrefix(name, "reconcile") {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) {
				writes, primary, _ := replicated(b, time.Second)
				s := dial(b, Config{URL: primary.URL(), Replicas: 1})
				ids, held := make([]int64, users), make([]Held, users)
				batch := make([]Message, users)
				for i := range ids {
					ids[i] = register(b, writes, fmt.Sprint("user", i))
					held[i] = Held{User: ids[i], Device: "phone", Number: login(b, writes, ids[i], "phone", "n1", 0).Number}
				}
				send := func(n int) {
					for i := range batch {
						batch[i] = private(ids[(i+1)%users], ids[i], fmt.Sprint(n, "-", i))
					}
					stored(b, writes, batch...)
				}
				read := func(i int) {
					p, err := s.Pull(b.Context(), ids[i], held[i].Newest, 0)
					if err != nil || news && len(p.Entries) == 0 {
						b.Error(len(p.Entries), err)
					}
					held[i].Newest = p.Through
				}
				call, size := read, 1
				switch {
				case name == "login":
					call = func(i int) { login(b, s, ids[i], "phone", "n1", -1) }
				case name != "pull":
					size = users
					call = func(int) {
						different, err := s.Reconcile(b.Context(), held, "n1", 7)
						if err != nil || (len(different) > 0) != news {
							b.Error(len(different), err)
						}
					}
				}
				send(0)
				for i := range ids {
					read(i)
				}
				var mu sync.Mutex
				var took []time.Duration
				var cpu float64
				b.ResetTimer()
				n := 0
				for round := 1; n < b.N; round++ {
					b.StopTimer()
					if news {
						send(round)
					}
					before := serverCPU(b, s)
					b.StartTimer()
					var all sync.WaitGroup
					for c := range callers {
						all.Go(func() {
							for i := c; i < users/size; i += callers {
								start := time.Now()
								call(i)
								mu.Lock()
								took = append(took, time.Since(start))
								mu.Unlock()
							}
						})
					}
					all.Wait()
					b.StopTimer()
					cpu += serverCPU(b, s) - before
					n += users
				}
				slices.Sort(took)
				b.ReportMetric(cpu*1e6/float64(n), "cpu-us/op")
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
			})
		}
	}
}
