package memory

import (
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestStoreTellsHowFullItIs(t *testing.T) {
	registry := prometheus.NewRegistry()
	db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: storetest.Start(t).URL()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	server := db.Topology.(servers.One)
	m := New(db.Topology)
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	if part, err := m.Filled(t.Context()); err != nil || part != 0 {
		t.Errorf("without a maxmemory: %v, %v", part, err)
	}
	info, err := server.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	used, err := strconv.Atoi(servers.InfoField(info, "used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{used * 10 / 9, used * 10} { // 90 %, 10 %, and a little for what the server needs meanwhile
		if err := server.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(most)).Err(); err != nil {
			t.Fatal(err)
		}
		m.last.Store(nil) // five seconds later
		want := float64(used) / float64(most)
		part, err := m.Filled(t.Context())
		if err != nil || part < want*0.8 || part > want*1.3 {
			t.Errorf("the store is %v full, %v; want %v or so", part, err, want)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range families {
			if f.GetName() == "cim_store_memory_filled_ratio" {
				found = true
				if got := f.GetMetric()[0].GetGauge().GetValue(); got != part {
					t.Errorf("the metric is %v, want %v", got, part)
				}
			}
		}
		if !found {
			t.Error("there is no metric")
		}
	}
}
