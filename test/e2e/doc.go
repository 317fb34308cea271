// Package e2e judges the whole suite on a real Linux kernel: its st, ch, sg and
// iscsi_tcp drivers, open-iscsi, mtx, mt, tar and sg3-utils.
//
// The tests run inside a guest (package guest): the test binary boots one kernel
// for all of them and runs itself in it, with the same flags. They have the build
// tag e2e, because they need Debian packages (make deps) and the programs in bin/:
//
//	make e2e
//	go test -tags e2e -run TestBackup -v ./test/e2e
package e2e
