package mmc

import "testing"

// TestTotals counts what a burn, a blank and a refused load do.
func TestTotals(t *testing.T) {
	r := newRig(t)
	r.insert("dvd-rw")
	r.write(0, 32)
	r.want(ok, "5B 00 02 00 00 00 00 00 00 00")
	r.want(ok, "28 00 00 00 00 00 00 00 20 00")
	r.want("52100", "28 00 00 00 10 00 00 00 01 00") // not counted: it is the initiator's error
	r.want(ok, "A1 00 00 00 00 00 00 00 00 00 00 00")
	r.want(ok, "04 11 00 00 00 00", unhex(t, "00 02 00 08 00231020 00 000800")...)
	if err := r.drive.Load(t.Context(), "/gone.iso", ""); err == nil {
		t.Error("what is not there was loaded")
	}
	want := Totals{BytesWritten: 65536, BytesRead: 65536, Loads: 1, Refused: 1, Blanks: 1, Formats: 1, Closes: 1}
	if got := r.drive.Totals(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
