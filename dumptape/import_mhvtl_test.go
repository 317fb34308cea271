package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeMHVTL makes a cartridge as release 1.8 of mhVTL does, of LTO-6, with a
// block for each text and a filemark at the end: mhvtl DIR DIRTY TEXT...
func makeMHVTL(ts *testscript.TestScript, _ bool, args []string) {
	le := binary.LittleEndian
	dirty, err := strconv.Atoi(args[1])
	ts.Check(err)
	attribute := func(b []byte, id uint16, v string) []byte {
		return append(le.AppendUint16(le.AppendUint16(b, id), uint16(len(v))), v...)
	}
	mam := le.AppendUint32(le.AppendUint32(nil, 6), 4)
	mam = attribute(mam, 0x0001, string(binary.BigEndian.AppendUint64(nil, 100<<20)))
	mam = attribute(mam, 0x0005, "LTO-CVE ")
	mam = attribute(mam, 0x0401, filepath.Base(args[0])+"_1700000000")
	mam = attribute(mam, 0x0405, "\x5A")
	mam = attribute(mam, 0x0408, "\x00")
	mam = attribute(mam, 0x0803, "a label")
	own := attribute(nil, 1, string([]byte{byte(dirty)}))
	own = attribute(own, 8, "U-616\x00\x00\x00")
	var data, index []byte
	record := func(kind uint32, text string) {
		r := make([]byte, 512)
		le.PutUint64(r, uint64(len(data)))
		le.PutUint32(r[8:], kind)
		le.PutUint32(r[16:], uint32(len(index)/512))
		le.PutUint32(r[20:], uint32(len(text)))
		le.PutUint32(r[24:], uint32(len(text)))
		index, data = append(index, r...), append(data, text...)
	}
	for _, text := range args[2:] {
		record(11, text)
	}
	record(3, "")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	for name, b := range map[string][]byte{"mam": mam, "mhvtl_data": own, "data.0": data, "indx.0": index, "meta.0": make([]byte, 516)} {
		ts.Check(os.WriteFile(filepath.Join(dir, name), b, 0o666))
	}
}
