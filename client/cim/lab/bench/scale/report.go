package scale

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report is the whole model.
type Report struct {
	Rings   []Balance     `json:"rings"`
	Gossip  []Convergence `json:"gossip"`
	Costs   Costs         `json:"costs"`
	Machine Machine       `json:"machine"`
	Carried []Carried     `json:"carried"`
}

// JSON writes the report for machines. Times are in nanoseconds.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	r.printRings(&b)
	r.printGossip(&b)
	r.printCarried(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// table writes rows with tabs between their cells.
func table(w io.Writer, title string, rows func(w io.Writer)) {
	fmt.Fprintln(w, title)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	rows(t)
	_ = t.Flush() // to memory
	fmt.Fprintln(w)
}

func (r *Report) printRings(w io.Writer) {
	table(w, "the ring: fullest member and movement, as parts of a fair share", func(w io.Writer) {
		fmt.Fprintln(w, "members\tbuilt in\tmemory\tone pick\tfullest by hash\tfullest as landed\ton their owner\ta join moves\tits fair share\t")
		for _, b := range r.Rings {
			fmt.Fprintf(w, "%d\t%v\t%.1f MB\t%v\t×%.2f\t×%.2f\t%.1f %%\t%.4f %%\t%.4f %%\t\n", b.Members,
				b.Build.Round(100*time.Microsecond), float64(b.Memory)/1e6, b.Pick, b.Owned, b.Landed, 100*b.Home, 100*b.Join, 100*b.Fair)
		}
	})
}

func (r *Report) printGossip(w io.Writer) {
	table(w, "gossip: until news is known", func(w io.Writer) {
		fmt.Fprintln(w, "members\tpackets lost\tto half\tto all\tto all, worst\ta death to all\tpackets a member\t")
		for _, c := range r.Gossip {
			fmt.Fprintf(w, "%d\t%.0f %%\t%.1f s\t%.1f s\t%.1f s\t%.1f s\t%d\t\n", c.Members, 100*c.Loss,
				c.Half.Seconds(), c.All.Seconds(), c.Worst.Seconds(), c.Dead.Seconds(), c.Packets)
		}
	})
}

func (r *Report) printCarried(w io.Writer) {
	title := fmt.Sprintf("what nodes of %g cores and %.0f GB carry, used to %.0f %%, at %.0f bytes a connection and, in us of CPU,\n"+
		"%.2g a delivery, %.3g (node) + %.3g (route) + %.3g (Redis) a private message",
		r.Machine.Cores, r.Machine.Memory/1e9, 100*r.Machine.Use, r.Costs.Connection,
		r.Costs.Delivery, r.Costs.Node, r.Costs.Route, r.Costs.Redis)
	table(w, title, func(w io.Writer) {
		fmt.Fprintln(w, "nodes\tconnections\tmessages/s\tor deliveries/s\troutes\tRedis masters\tnodes a group of 1,000 is on\trequests to reconcile/s\tgossip of a node/s\t")
		for _, c := range r.Carried {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t\n", c.Nodes, short(c.Connections), short(c.Messages),
				short(c.Deliveries), c.Routes, c.Masters, c.Requests, short(c.Reconciling), short(c.Gossip))
		}
	})
}

// short returns a number in two or three digits with a letter for its size, such as k or
// M.
func short(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if v >= unit.size {
			return fmt.Sprintf("%.3g%s", v/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", v)
}
