// Package sparekey gives every application its own password, so that users never share their
// own. It is the Application Passwords system as WordPress defines it, for any application: a
// user creates a random password of 24 characters for one application, the application sends
// it with Basic authentication instead of the user's own, and the user can revoke it without
// affecting any other.
//
// # Protect a handler
//
//	store, err := sqlite.Open(ctx, "sparekey.db")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
//	svc := sparekey.New(store, store, sparekey.Config{}) // the store is the user directory, too
//	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
//	http.Handle("/api/", guard.Require(api)) // in api: id, _ := sparekey.FromContext(r.Context())
//
// # Words
//
// A [Credential] is the stored record of one application password, and a
// [Secret] its plaintext, which is shown once. A [User] owns credentials; an
// actor is the user who manages them. An [Attempt] is what a caller presents,
// an [Identity] who it turns out to be. To revoke is to take a credential back.
//
// # Parts
//
// A [Service] has the rules. It asks a [Store] for credentials and a
// [Directory] for users; both are interfaces, so that an application keeps its
// own users. Packages store/sqlite, store/memory and store/wordpress are stores,
// storetest proves others. Package basicauth guards handlers, package rest is
// WordPress's REST API, package web has the pages, and package gateway stands in
// front of another program. Package scope has the rules of what a credential may be
// used for. Packages throttle, audit and metrics are told by hooks. This package
// reaches neither HTTP nor SQL.
//
// # For those who know WordPress
//
//	WordPress                                          Sparekey
//	create_new_application_password                    Service.As(actor).Create
//	get_user_application_passwords                     Service.As(actor).List
//	get_user_application_password                      Service.As(actor).Get
//	application_name_exists_for_user                   Service.As(actor).NameExists
//	update_application_password                        Service.As(actor).Rename
//	record_application_password_usage                  Service.As(actor).RecordUse
//	delete_application_password                        Service.As(actor).Revoke
//	delete_all_application_passwords                   Service.As(actor).RevokeAll
//	is_in_use, using_application_passwords             Service.InUse
//	chunk_password                                     ParseSecret(s).Chunked
//	hash_password                                      Secret.Hash
//	check_password                                     Secret.Matches
//	wp_authenticate_application_password               Service.Authenticate
//	wp_validate_application_password                   basicauth.Guard
//	wp_is_application_passwords_supported              clientip.Origin.Secure, Attempt.Secure
//	wp_is_application_passwords_available              Service.Available; hook Config.Available
//	wp_is_application_passwords_available_for_user     Service.AvailableFor; hook Config.AvailableFor
//	wp_authenticate_application_password_errors        hook Config.Check
//	capability edit_user                               hook Config.Allow, or Authority
//	wp_create_application_password                     event KindCreated
//	wp_update_application_password                     event KindRenamed
//	wp_delete_application_password                     event KindRevoked
//	application_password_did_authenticate              event KindAuthenticated
//	application_password_failed_authentication         event KindRefused
//
// # Errors
//
// An operation succeeds, is refused, or is broken; see the errors of this package and
// [Refused]. Treat a broken operation as a refusal, never as success.
package sparekey
