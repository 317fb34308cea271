package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var rewrite = flag.Bool("rewrite", false, "rewrite docs/metrics.md")

// TestMetricsPage keeps docs/metrics.md equal to what is exported.
func TestMetricsPage(t *testing.T) {
	const page = "../docs/metrics.md"
	var b bytes.Buffer
	b.WriteString("# Metrics\n\nGenerated from the portal's table by `make golden`. What the suite serves at `http://ADDRESS/metrics`, " +
		"in the formats of Prometheus and OpenMetrics, when vtl.yaml has `metrics: {listen: ADDRESS}`. " +
		"All that belongs to a device has the labels `kind` (library, drive or optical) and `id`. Counters begin with the daemon " +
		"unless it says otherwise.\n\n| metric | type | further labels | what |\n| --- | --- | --- | --- |\n")
	row := func(name, kind, labels, help string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, kind, labels, help)
	}
	row("vtl_build_info", "gauge", "version (not of a device)", "The version of the suite's portal.")
	row("vtl_portal_handed_over_total", "counter", "(not of a device)", "Connections that the portal has handed to the daemon of their target.")
	row("vtl_portal_start_time_seconds", "gauge", "(not of a device)", "When the portal was started, in seconds since 1970.")
	row("vtl_up", "gauge", "", "Whether the device's daemon answers.")
	row("vtl_command_duration_seconds", "histogram", "command", "Time of SCSI commands from when their turn came until their status, by command.")
	row("vtl_sense_total", "counter", "key, asc, text, deferred", "SCSI commands that ended with CHECK CONDITION, by sense key and additional sense code.")
	for _, f := range families() {
		kind := "gauge"
		if f.kind == prometheus.CounterValue {
			kind = "counter"
		}
		row(f.name, kind, f.label, f.help)
	}
	b.WriteString("\nThe portal's own process is there too, as `go_*` and `process_*`.\n")
	if *rewrite {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not what is exported (%v): run make golden", page, err)
	}
}
