package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// results are the figures of all rounds, in the order in which they first came.
type results struct {
	rows []row
}

type row struct {
	at, what string
	values   map[string][]float64 // by server
}

func (r *results) add(at, what, server string, v float64) {
	i := slices.IndexFunc(r.rows, func(w row) bool { return w.at == at && w.what == what })
	if i < 0 {
		i = len(r.rows)
		r.rows = append(r.rows, row{at, what, map[string][]float64{}})
	}
	r.rows[i].values[server] = append(r.rows[i].values[server], v)
}

// median of at least one value.
func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// print writes a line for each figure: median and range of each server, and how
// often the first one is quicker, whichever way the figure counts.
func (r *results) print(w io.Writer, servers []*server) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "data\tfigure")
	for _, s := range servers {
		fmt.Fprintf(t, "\t%s\t(range)", s.name)
	}
	if len(servers) == 2 {
		fmt.Fprint(t, "\tquicker")
	}
	fmt.Fprintln(t)
	for _, row := range r.rows {
		fmt.Fprintf(t, "%s\t%s", row.at, row.what)
		var medians []float64
		for _, s := range servers {
			v := row.values[s.name]
			medians = append(medians, median(v))
			fmt.Fprintf(t, "\t%.4g\t(%.4g to %.4g)", median(v), slices.Min(v), slices.Max(v))
		}
		if len(medians) == 2 {
			ratio := medians[0] / medians[1]
			if row.what == "synchronised filemark, ms" {
				ratio = 1 / ratio
			}
			fmt.Fprintf(t, "\t%.1f times", ratio)
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}
