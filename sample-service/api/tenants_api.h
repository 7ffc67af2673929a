// The routes of tenants, their API keys, and the tokens that a key is exchanged for.
#pragma once

#include "sample-service/api/context.h"

namespace courier {

void post_token(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void create_tenant(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void create_key(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void list_keys(ApiContext& api, const CallPtr& call, sluice::http::ReplyPtr reply);
void revoke_key(ApiContext& api, const CallPtr& call, sluice::http::ReplyPtr reply);

}  // namespace courier
