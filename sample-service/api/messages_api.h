// The routes of messages: taking them in, telling what became of them, and trying dead ones again.
#pragma once

#include "sample-service/api/context.h"

namespace courier {

void post_message(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void list_messages(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void get_message(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void replay_message(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);
void list_dead_letters(ApiContext& api, const CallPtr& call, const sluice::http::IncomingRequest& in, sluice::http::ReplyPtr reply);

}  // namespace courier
