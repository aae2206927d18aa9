-- Asks Sparekey about a request, and leaves the answer in variables of the
-- transaction: sparekey.status is 200 for a request that may go on, and anything
-- else for one that must not. Where nobody answers it is 503.

-- Sparekey has no use for the client's own words about the connection. It gets all other
-- headers, and the names of the trailers.
local dropped = {
    ["connection"] = true, ["keep-alive"] = true, ["te"] = true, ["upgrade"] = true,
    ["transfer-encoding"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
}

-- What the answer says, and the variables for it.
local said = {
    ["www-authenticate"] = "challenge", ["retry-after"] = "wait", ["sparekey-reason"] = "reason", ["x-sparekey-user"] = "user", ["x-sparekey-user-id"] = "user_id",
    ["x-sparekey-roles"] = "roles", ["x-sparekey-credential"] = "credential", ["x-sparekey-scopes"] = "scopes",
    ["x-sparekey-signature"] = "signature",
    -- For scripts of other origins, so that they can read a refusal.
    ["access-control-allow-origin"] = "origin", ["access-control-expose-headers"] = "exposed",
    ["remote-user"] = "login", -- with --identity-header Remote-User
}

core.register_action("sparekey", { "http-req" }, function(txn, url)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not dropped[name] and not name:find("^x[^a-z0-9]sparekey") then
            headers[name] = {}
            for i = 0, #values do
                headers[name][i + 1] = values[i]
            end
        end
    end
    headers["x-original-method"] = { txn.f:method() }
    headers["x-original-uri"] = { txn.f:pathq() }
    headers["x-original-host"] = { txn.f:req_hdr("host") }
    headers["x-forwarded-for"] = { txn.f:src() }
    headers["x-forwarded-proto"] = { "https" }

    txn:set_var("txn.sparekey.status", 503)
    local answer = core.httpclient():get({ url = url, headers = headers, timeout = 5000 })
    if not answer or not answer.status or answer.status == 0 then
        return
    end
    for name, variable in pairs(said) do
        local values = answer.headers[name]
        txn:set_var("txn.sparekey." .. variable, values and values[0] or "")
    end
    txn:set_var("txn.sparekey.message", (answer.body or ""):gsub("%s+$", ""))
    txn:set_var("txn.sparekey.status", answer.status)
end, 1)
