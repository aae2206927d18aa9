module github.com/sparekey-dev/sparekey/examples/chi

go 1.26.0

replace github.com/sparekey-dev/sparekey => ../..

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/sparekey-dev/sparekey v0.0.0-00010101000000-000000000000
)

require (
	github.com/go-crypt/x v0.4.17 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)
