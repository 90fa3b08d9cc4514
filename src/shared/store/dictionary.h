// SPDX-License-Identifier: ISC
// The zstd dictionary of every frame: text that most mails and their fragments contain. It makes
// the frame of a small mail a quarter smaller. It is part of the stored format: frames written with
// another dictionary need a field of their own in the entry (entry.h). The most frequent text comes
// last, where references to it are shortest.
#pragma once

#include <string_view>

namespace restante::store {

inline constexpr std::string_view kMailDictionary =
    R"("number":1,"name":"attachment.pdf","type":"application/pdf","size":,"content_id":null,)"
    R"("disposition":"attachment","sha256":"image/png","inline",)"
    "\r\nContent-Disposition: attachment; filename=\"\r\nContent-Transfer-Encoding: base64\r\n"
    "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\""
    "\r\nContent-Type: multipart/alternative; boundary=\"----=_Part_"
    "\r\nContent-Type: text/html; charset=\"utf-8\"\r\nContent-Transfer-Encoding: "
    "quoted-printable\r\n\r\n<!DOCTYPE html>\r\n<html><head><meta charset=3D\"utf-8\"><title>"
    "</title></head><body style=3D\"font-family: Arial, sans-serif\"><p></p><a href=3D\"https://"
    R"(<!DOCTYPE html>\n<html lang=\"en\"><head><meta http-equiv=\"Content-Type\" content=\")"
    R"(text/html; charset=utf-8\"><style type=\"text/css\"></style></head><body>\n<table width=\")"
    R"(100%\" border=\"0\" cellpadding=\"0\" cellspacing=\"0\"><tr><td align=\"center\" style=\")"
    R"(font-size: 14px; color: #333333;\"></td></tr></table></div></body></html>\n)"
    "Sun, Mon, Tue, Wed, Thu, Fri, Sat, Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2026 "
    R"({"name":"DKIM-Signature","value":"v=1; a=rsa-sha256; c=relaxed/relaxed; d=; s=; )"
    R"(h=from:to:subject:date:message-id:mime-version:content-type; bh="},{"name":"Received",)"
    R"("value":"from by with SMTP id for <"},{"name":"List-Unsubscribe","value":"<https://"},)"
    R"({"name":"Reply-To","value":"},{"name":"Content-Transfer-Encoding","value":"7bit"}],)"
    "Return-Path: <>\r\nReceived: from  ([127.0.0.1])\r\n\tby  with ESMTPS id \r\n\tfor <>"
    "; +0000\r\nFrom:  <\r\nTo:  <\r\nSubject: \r\nDate: \r\nMessage-ID: <\r\nMIME-Version: 1.0"
    "\r\nContent-Type: text/plain; charset=\"utf-8\"\r\nContent-Type: text/plain; charset=utf-8"
    "\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    R"("body_text":"","body_html":"","attachments":[])"
    "\n"
    R"("client_ip":"127.0.0.1","helo":"","protocol":"ESMTPS","tls":{"version":"TLSv1.3",)"
    R"("cipher":"TLS_AES_256_GCM_SHA384"}},"protocol":"ESMTP","tls":null},)"
    R"("size":,"message_id":null,"message_id":"<>","date":" +0000","headers":[)"
    R"({"name":"From","value":" <>"},{"name":"To","value":" <>"},{"name":"Subject","value":"},)"
    R"({"name":"Date","value":" +0000"},{"name":"Message-ID","value":"<>"},)"
    R"({"name":"MIME-Version","value":"1.0"},)"
    R"({"name":"Content-Type","value":"text/plain; charset=utf-8"}],)"
    R"("addresses":{"from":[{"name":"","address":"}],"sender":[],"reply_to":[],)"
    R"("to":[{"name":"","address":"}],"cc":[],"bcc":[]},)"
    R"("attachment_details":[],"links":[{"url":"https://","text":"}],"links":[],"codes":["],)"
    R"("codes":[])"
    "\n";

}  // namespace restante::store
