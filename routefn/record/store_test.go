package record

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestFailuresAreCountedByClass(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := dial(t, Config{URL: storetest.Server.URL(), Registerer: reg})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sessions(ctx, 1); err == nil {
		t.Fatal("a call succeeded whose context had ended")
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			counts[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"cim_store_errors_total unavailable sessions": 1,
		"cim_store_errors_total unknown append":       0,
		"cim_store_seconds sessions":                  1,
	} {
		if got, ok := counts[name]; !ok || got != want {
			t.Errorf("%s is %v, there %v, want %v", name, got, ok, want)
		}
	}
	if _, err := Dial(t.Context(), Config{URL: storetest.Server.URL(), Registerer: reg}); err == nil {
		t.Error("two stores on one registry")
	}
}

func TestInfoFieldIsReadWhole(t *testing.T) {
	info := "# Memory\r\nmaxmemory_policy_x:1\r\nmaxmemory_policy:noeviction\r\n"
	if got := servers.InfoField(info, "maxmemory_policy"); got != "noeviction" {
		t.Errorf("policy is %q", got)
	}
	if got := servers.InfoField(info, "maxmemory"); got != "" {
		t.Errorf("what is not there is %q", got)
	}
}
