#include "engine/jsbox/zone_words.hpp"

#include <algorithm>
#include <iterator>

namespace sallyport::engine::jsbox::zones {
namespace {

struct Renamed {
    std::string_view name;
    std::string_view canonical;
};
// Sorted by name.
constexpr Renamed kRenamed[] = {
    {"Africa/Asmara", "Africa/Asmera"},
    {"Africa/Asmera", "Africa/Asmera"},
    {"Africa/Timbuktu", "Africa/Bamako"},
    {"America/Argentina/Buenos_Aires", "America/Buenos_Aires"},
    {"America/Argentina/Catamarca", "America/Catamarca"},
    {"America/Argentina/Cordoba", "America/Cordoba"},
    {"America/Argentina/Jujuy", "America/Jujuy"},
    {"America/Argentina/Mendoza", "America/Mendoza"},
    {"America/Atikokan", "America/Coral_Harbour"},
    {"America/Coral_Harbour", "America/Coral_Harbour"},
    {"America/Indiana/Indianapolis", "America/Indianapolis"},
    {"America/Kentucky/Louisville", "America/Louisville"},
    {"America/Kralendijk", "America/Kralendijk"},
    {"America/Lower_Princes", "America/Lower_Princes"},
    {"America/Marigot", "America/Marigot"},
    {"America/Nuuk", "America/Godthab"},
    {"America/St_Barthelemy", "America/St_Barthelemy"},
    {"America/Virgin", "America/St_Thomas"},
    {"Antarctica/South_Pole", "Antarctica/McMurdo"},
    {"Arctic/Longyearbyen", "Arctic/Longyearbyen"},
    {"Asia/Ho_Chi_Minh", "Asia/Saigon"},
    {"Asia/Kathmandu", "Asia/Katmandu"},
    {"Asia/Kolkata", "Asia/Calcutta"},
    {"Asia/Yangon", "Asia/Rangoon"},
    {"Atlantic/Faroe", "Atlantic/Faeroe"},
    {"Atlantic/Jan_Mayen", "Arctic/Longyearbyen"},
    {"CET", "Europe/Brussels"},
    {"CST6CDT", "America/Chicago"},
    {"EET", "Europe/Athens"},
    {"EST", "America/Panama"},
    {"EST5EDT", "America/New_York"},
    {"Etc/GMT", "UTC"},
    {"Etc/UTC", "UTC"},
    {"Europe/Bratislava", "Europe/Bratislava"},
    {"Europe/Busingen", "Europe/Busingen"},
    {"Europe/Kyiv", "Europe/Kiev"},
    {"Europe/Mariehamn", "Europe/Mariehamn"},
    {"Europe/Podgorica", "Europe/Podgorica"},
    {"Europe/San_Marino", "Europe/San_Marino"},
    {"Europe/Vatican", "Europe/Vatican"},
    {"HST", "Pacific/Honolulu"},
    {"Iceland", "Atlantic/Reykjavik"},
    {"MET", "Europe/Brussels"},
    {"MST", "America/Phoenix"},
    {"MST7MDT", "America/Denver"},
    {"PST8PDT", "America/Los_Angeles"},
    {"Pacific/Chuuk", "Pacific/Truk"},
    {"Pacific/Kanton", "Pacific/Enderbury"},
    {"Pacific/Pohnpei", "Pacific/Ponape"},
    {"Pacific/Ponape", "Pacific/Ponape"},
    {"Pacific/Truk", "Pacific/Truk"},
    {"Pacific/Yap", "Pacific/Truk"},
    {"WET", "Europe/Lisbon"},
};

// [standard time, summer time, short forms where there are any, minutes east of UTC, zones]
constexpr TimeNames kTimeNames[] = {
    {"Acre Standard Time", "Acre Summer Time", "", "", -300, "America/Eirunepe America/Rio_Branco"},
    {"Afghanistan Time", "", "", "", 270, "Asia/Kabul"},
    {"Alaska Standard Time", "Alaska Daylight Time", "AKST", "AKDT", -540,
     "America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka "
     "America/Yakutat"},
    {"Amazon Standard Time", "Amazon Summer Time", "", "", -240,
     "America/Boa_Vista America/Campo_Grande America/Cuiaba America/Manaus "
     "America/Porto_Velho"},
    {"American Samoa Standard Time", "", "", "", -660, "Pacific/Midway Pacific/Pago_Pago"},
    {"Arabian Standard Time", "Arabian Daylight Time", "", "", 180,
     "Asia/Aden Asia/Baghdad Asia/Bahrain Asia/Kuwait Asia/Qatar Asia/Riyadh"},
    {"Argentina Standard Time", "Argentina Summer Time", "", "", -180,
     "America/Argentina/La_Rioja America/Argentina/Rio_Gallegos "
     "America/Argentina/Salta America/Argentina/San_Juan America/Argentina/San_Luis "
     "America/Argentina/Tucuman America/Argentina/Ushuaia America/Buenos_Aires "
     "America/Catamarca America/Cordoba America/Jujuy America/Mendoza"},
    {"Armenia Standard Time", "Armenia Summer Time", "", "", 240, "Asia/Yerevan"},
    {"Atlantic Standard Time", "Atlantic Daylight Time", "AST", "ADT", -240,
     "America/Anguilla America/Antigua America/Aruba America/Barbados "
     "America/Blanc-Sablon America/Curacao America/Dominica America/Glace_Bay "
     "America/Goose_Bay America/Grenada America/Guadeloupe America/Halifax "
     "America/Kralendijk America/Lower_Princes America/Marigot America/Martinique "
     "America/Moncton America/Montserrat America/Port_of_Spain America/Puerto_Rico "
     "America/Santo_Domingo America/St_Barthelemy America/St_Kitts America/St_Lucia "
     "America/St_Thomas America/St_Vincent America/Thule America/Tortola "
     "Atlantic/Bermuda"},
    {"Australian Central Standard Time", "Australian Central Daylight Time", "", "", 570,
     "Australia/Adelaide Australia/Broken_Hill Australia/Darwin"},
    {"Australian Central Western Standard Time", "Australian Central Western Daylight Time", "", "",
     525, "Australia/Eucla"},
    {"Australian Eastern Standard Time", "Australian Eastern Daylight Time", "", "", 600,
     "Antarctica/Macquarie Australia/Brisbane Australia/Hobart Australia/Lindeman "
     "Australia/Melbourne Australia/Sydney"},
    {"Australian Western Standard Time", "Australian Western Daylight Time", "", "", 480,
     "Antarctica/Casey Australia/Perth"},
    {"Azerbaijan Standard Time", "Azerbaijan Summer Time", "", "", 240, "Asia/Baku"},
    {"Azores Standard Time", "Azores Summer Time", "", "", -60, "Atlantic/Azores"},
    {"Bangladesh Standard Time", "Bangladesh Summer Time", "", "", 360, "Asia/Dhaka"},
    {"Bhutan Time", "", "", "", 360, "Asia/Thimphu"},
    {"Bolivia Time", "", "", "", -240, "America/La_Paz"},
    {"Brasilia Standard Time", "Brasilia Summer Time", "", "", -180,
     "America/Araguaina America/Bahia America/Belem America/Fortaleza America/Maceio "
     "America/Recife America/Santarem America/Sao_Paulo"},
    {"Brunei Time", "", "", "", 480, "Asia/Brunei"},
    {"Cape Verde Standard Time", "", "", "", -60, "Atlantic/Cape_Verde"},
    {"Central Africa Time", "", "", "", 120,
     "Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Juba "
     "Africa/Khartoum Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo "
     "Africa/Windhoek"},
    {"Central European Standard Time", "Central European Summer Time", "", "", 60,
     "Africa/Algiers Africa/Ceuta Africa/Tunis Arctic/Longyearbyen Europe/Amsterdam "
     "Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava Europe/Brussels "
     "Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar "
     "Europe/Ljubljana Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco "
     "Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague Europe/Rome "
     "Europe/San_Marino Europe/Sarajevo Europe/Skopje Europe/Stockholm Europe/Tirane "
     "Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb "
     "Europe/Zurich"},
    {"Central Indonesia Time", "", "", "", 480, "Asia/Makassar"},
    {"Central Standard Time", "Central Daylight Time", "CST", "CDT", -360,
     "America/Bahia_Banderas America/Belize America/Chicago America/Chihuahua "
     "America/Costa_Rica America/El_Salvador America/Guatemala America/Indiana/Knox "
     "America/Indiana/Tell_City America/Managua America/Matamoros America/Menominee "
     "America/Merida America/Mexico_City America/Monterrey America/North_Dakota/Beulah "
     "America/North_Dakota/Center America/North_Dakota/New_Salem America/Ojinaga "
     "America/Rankin_Inlet America/Regina America/Resolute America/Swift_Current "
     "America/Tegucigalpa America/Winnipeg"},
    {"Chamorro Standard Time", "", "", "", 600, "Pacific/Guam Pacific/Saipan"},
    {"Chatham Standard Time", "Chatham Daylight Time", "", "", 765, "Pacific/Chatham"},
    {"Chile Standard Time", "Chile Summer Time", "", "", -240, "America/Santiago"},
    {"China Standard Time", "China Daylight Time", "", "", 480, "Asia/Macau Asia/Shanghai"},
    {"Christmas Island Time", "", "", "", 420, "Indian/Christmas"},
    {"Chuuk Time", "", "", "", 600, "Pacific/Truk"},
    {"Cocos Islands Time", "", "", "", 390, "Indian/Cocos"},
    {"Colombia Standard Time", "Colombia Summer Time", "", "", -300, "America/Bogota"},
    {"Cook Islands Standard Time", "Cook Islands Summer Time", "", "", -600, "Pacific/Rarotonga"},
    {"Cuba Standard Time", "Cuba Daylight Time", "", "", -300, "America/Havana"},
    {"Davis Time", "", "", "", 420, "Antarctica/Davis"},
    {"Dumont d’Urville Time", "", "", "", 600, "Antarctica/DumontDUrville"},
    {"East Africa Time", "", "", "", 180,
     "Africa/Addis_Ababa Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti "
     "Africa/Kampala Africa/Mogadishu Africa/Nairobi Indian/Antananarivo Indian/Comoro "
     "Indian/Mayotte"},
    {"Easter Island Standard Time", "Easter Island Summer Time", "", "", -360, "Pacific/Easter"},
    {"Eastern European Standard Time", "Eastern European Summer Time", "", "", 120,
     "Africa/Cairo Africa/Tripoli Asia/Beirut Asia/Famagusta Asia/Gaza Asia/Hebron "
     "Asia/Nicosia Europe/Athens Europe/Bucharest Europe/Chisinau Europe/Helsinki "
     "Europe/Kaliningrad Europe/Kiev Europe/Mariehamn Europe/Riga Europe/Sofia "
     "Europe/Tallinn Europe/Vilnius"},
    {"Eastern Indonesia Time", "", "", "", 540, "Asia/Jayapura"},
    {"Eastern Standard Time", "Eastern Daylight Time", "EST", "EDT", -300,
     "America/Cancun America/Cayman America/Coral_Harbour America/Detroit "
     "America/Grand_Turk America/Indiana/Marengo America/Indiana/Petersburg "
     "America/Indiana/Vevay America/Indiana/Vincennes America/Indiana/Winamac "
     "America/Indianapolis America/Iqaluit America/Jamaica America/Kentucky/Monticello "
     "America/Louisville America/Nassau America/New_York America/Panama "
     "America/Port-au-Prince America/Toronto"},
    {"Ecuador Time", "", "", "", -300, "America/Guayaquil"},
    {"Falkland Islands Standard Time", "Falkland Islands Summer Time", "", "", -180,
     "Atlantic/Stanley"},
    {"Fernando de Noronha Standard Time", "Fernando de Noronha Summer Time", "", "", -120,
     "America/Noronha"},
    {"Fiji Standard Time", "Fiji Summer Time", "", "", 720, "Pacific/Fiji"},
    {"French Guiana Time", "", "", "", -180, "America/Cayenne"},
    {"French Southern & Antarctic Time", "", "", "", 300, "Indian/Kerguelen"},
    {"Galapagos Time", "", "", "", -360, "Pacific/Galapagos"},
    {"Gambier Time", "", "", "", -540, "Pacific/Gambier"},
    {"Georgia Standard Time", "Georgia Summer Time", "", "", 240, "Asia/Tbilisi"},
    {"Gilbert Islands Time", "", "", "", 720, "Pacific/Tarawa"},
    {"Greenland Standard Time", "Greenland Summer Time", "", "", -120,
     "America/Godthab America/Scoresbysund"},
    {"Greenwich Mean Time", "British Summer Time", "GMT", "", 0, "Europe/London"},
    {"Greenwich Mean Time", "Irish Standard Time", "GMT", "", 0, "Europe/Dublin"},
    {"Greenwich Mean Time", "", "GMT", "", 0,
     "Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau "
     "Africa/Conakry Africa/Dakar Africa/Freetown Africa/Lome Africa/Monrovia "
     "Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome America/Danmarkshavn "
     "Antarctica/Troll Atlantic/Reykjavik Atlantic/St_Helena Europe/Guernsey "
     "Europe/Isle_of_Man Europe/Jersey"},
    {"Gulf Standard Time", "", "", "", 240, "Asia/Dubai Asia/Muscat"},
    {"Guyana Time", "", "", "", -240, "America/Guyana"},
    {"Hawaii-Aleutian Standard Time", "Hawaii-Aleutian Daylight Time", "HAST", "HADT", -600,
     "America/Adak"},
    {"Hawaii-Aleutian Standard Time", "Hawaii-Aleutian Daylight Time", "HST", "HDT", -600,
     "Pacific/Honolulu"},
    {"Hong Kong Standard Time", "Hong Kong Summer Time", "", "", 480, "Asia/Hong_Kong"},
    {"India Standard Time", "", "", "", 330, "Asia/Calcutta Asia/Colombo"},
    {"Indian Ocean Time", "", "", "", 360, "Indian/Chagos"},
    {"Indochina Time", "", "", "", 420, "Asia/Bangkok Asia/Phnom_Penh Asia/Saigon Asia/Vientiane"},
    {"Iran Standard Time", "Iran Daylight Time", "", "", 210, "Asia/Tehran"},
    {"Irkutsk Standard Time", "Irkutsk Summer Time", "", "", 480, "Asia/Irkutsk"},
    {"Israel Standard Time", "Israel Daylight Time", "", "", 120, "Asia/Jerusalem"},
    {"Japan Standard Time", "", "", "", 540, "Asia/Tokyo"},
    {"Kamchatka Standard Time", "Kamchatka Summer Time", "", "", 720, "Asia/Anadyr Asia/Kamchatka"},
    {"Kazakhstan Time", "", "", "", 300,
     "Asia/Almaty Asia/Aqtau Asia/Aqtobe Asia/Atyrau Asia/Oral Asia/Qostanay "
     "Asia/Qyzylorda"},
    {"Khovd Standard Time", "Khovd Summer Time", "", "", 420, "Asia/Hovd"},
    {"Korean Standard Time", "Korean Daylight Time", "", "", 540, "Asia/Pyongyang Asia/Seoul"},
    {"Kosrae Time", "", "", "", 660, "Pacific/Kosrae"},
    {"Krasnoyarsk Standard Time", "Krasnoyarsk Summer Time", "", "", 420,
     "Asia/Barnaul Asia/Krasnoyarsk Asia/Novokuznetsk Asia/Novosibirsk Asia/Tomsk"},
    {"Kyrgyzstan Time", "", "", "", 360, "Asia/Bishkek"},
    {"Line Islands Time", "", "", "", 840, "Pacific/Kiritimati"},
    {"Lord Howe Standard Time", "Lord Howe Daylight Time", "", "", 630, "Australia/Lord_Howe"},
    {"Magadan Standard Time", "Magadan Summer Time", "", "", 660,
     "Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk"},
    {"Malaysia Time", "", "", "", 480, "Asia/Kuala_Lumpur Asia/Kuching"},
    {"Maldives Time", "", "", "", 300, "Indian/Maldives"},
    {"Marquesas Time", "", "", "", -570, "Pacific/Marquesas"},
    {"Marshall Islands Time", "", "", "", 720, "Pacific/Kwajalein Pacific/Majuro"},
    {"Mauritius Standard Time", "Mauritius Summer Time", "", "", 240, "Indian/Mauritius"},
    {"Mawson Time", "", "", "", 300, "Antarctica/Mawson"},
    {"Mexican Pacific Standard Time", "Mexican Pacific Daylight Time", "", "", -420,
     "America/Hermosillo America/Mazatlan"},
    {"Moscow Standard Time", "Moscow Summer Time", "", "", 180,
     "Europe/Kirov Europe/Minsk Europe/Moscow Europe/Simferopol Europe/Volgograd"},
    {"Mountain Standard Time", "Mountain Daylight Time", "MST", "MDT", -420,
     "America/Boise America/Cambridge_Bay America/Ciudad_Juarez America/Creston "
     "America/Dawson_Creek America/Denver America/Edmonton America/Fort_Nelson "
     "America/Inuvik America/Phoenix"},
    {"Myanmar Time", "", "", "", 390, "Asia/Rangoon"},
    {"Nauru Time", "", "", "", 720, "Pacific/Nauru"},
    {"Nepal Time", "", "", "", 345, "Asia/Katmandu"},
    {"New Caledonia Standard Time", "New Caledonia Summer Time", "", "", 660, "Pacific/Noumea"},
    {"New Zealand Standard Time", "New Zealand Daylight Time", "", "", 720,
     "Antarctica/McMurdo Pacific/Auckland"},
    {"Newfoundland Standard Time", "Newfoundland Daylight Time", "", "", -210, "America/St_Johns"},
    {"Niue Time", "", "", "", -660, "Pacific/Niue"},
    {"Norfolk Island Standard Time", "Norfolk Island Daylight Time", "", "", 660,
     "Pacific/Norfolk"},
    {"Omsk Standard Time", "Omsk Summer Time", "", "", 360, "Asia/Omsk"},
    {"Pacific Standard Time", "Pacific Daylight Time", "PST", "PDT", -480,
     "America/Los_Angeles America/Tijuana America/Vancouver"},
    {"Pakistan Standard Time", "Pakistan Summer Time", "", "", 300, "Asia/Karachi"},
    {"Palau Time", "", "", "", 540, "Pacific/Palau"},
    {"Papua New Guinea Time", "", "", "", 600, "Pacific/Port_Moresby"},
    {"Paraguay Standard Time", "Paraguay Summer Time", "", "", -180, "America/Asuncion"},
    {"Peru Standard Time", "Peru Summer Time", "", "", -300, "America/Lima"},
    {"Philippine Standard Time", "Philippine Summer Time", "", "", 480, "Asia/Manila"},
    {"Phoenix Islands Time", "", "", "", 780, "Pacific/Enderbury"},
    {"Pitcairn Time", "", "", "", -480, "Pacific/Pitcairn"},
    {"Pohnpei Time", "", "", "", 660, "Pacific/Ponape"},
    {"Rothera Time", "", "", "", -180, "Antarctica/Rothera"},
    {"Réunion Time", "", "", "", 240, "Indian/Reunion"},
    {"Samara Standard Time", "Samara Summer Time", "", "", 240,
     "Europe/Astrakhan Europe/Samara Europe/Saratov Europe/Ulyanovsk"},
    {"Samoa Standard Time", "Samoa Daylight Time", "", "", 780, "Pacific/Apia"},
    {"Seychelles Time", "", "", "", 240, "Indian/Mahe"},
    {"Singapore Standard Time", "", "", "", 480, "Asia/Singapore"},
    {"Solomon Islands Time", "", "", "", 660, "Pacific/Guadalcanal"},
    {"South Africa Standard Time", "", "", "", 120,
     "Africa/Johannesburg Africa/Maseru Africa/Mbabane"},
    {"South Georgia Time", "", "", "", -120, "Atlantic/South_Georgia"},
    {"St. Pierre & Miquelon Standard Time", "St. Pierre & Miquelon Daylight Time", "", "", -180,
     "America/Miquelon"},
    {"Suriname Time", "", "", "", -180, "America/Paramaribo"},
    {"Syowa Time", "", "", "", 180, "Antarctica/Syowa"},
    {"Tahiti Time", "", "", "", -600, "Pacific/Tahiti"},
    {"Taiwan Standard Time", "Taiwan Daylight Time", "", "", 480, "Asia/Taipei"},
    {"Tajikistan Time", "", "", "", 300, "Asia/Dushanbe"},
    {"Timor-Leste Time", "", "", "", 540, "Asia/Dili"},
    {"Tokelau Time", "", "", "", 780, "Pacific/Fakaofo"},
    {"Tonga Standard Time", "Tonga Summer Time", "", "", 780, "Pacific/Tongatapu"},
    {"Turkmenistan Standard Time", "", "", "", 300, "Asia/Ashgabat"},
    {"Tuvalu Time", "", "", "", 720, "Pacific/Funafuti"},
    {"Türkiye Standard Time", "", "", "", 180, "Europe/Istanbul"},
    {"Ulaanbaatar Standard Time", "Ulaanbaatar Summer Time", "", "", 480, "Asia/Ulaanbaatar"},
    {"Uruguay Standard Time", "Uruguay Summer Time", "", "", -180, "America/Montevideo"},
    {"Uzbekistan Standard Time", "Uzbekistan Summer Time", "", "", 300,
     "Asia/Samarkand Asia/Tashkent"},
    {"Vanuatu Standard Time", "Vanuatu Summer Time", "", "", 660, "Pacific/Efate"},
    {"Venezuela Time", "", "", "", -240, "America/Caracas"},
    {"Vladivostok Standard Time", "Vladivostok Summer Time", "", "", 600,
     "Asia/Ust-Nera Asia/Vladivostok"},
    {"Vostok Time", "", "", "", 300, "Antarctica/Vostok"},
    {"Wake Island Time", "", "", "", 720, "Pacific/Wake"},
    {"Wallis & Futuna Time", "", "", "", 720, "Pacific/Wallis"},
    {"West Africa Time", "", "", "", 60,
     "Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos "
     "Africa/Libreville Africa/Luanda Africa/Malabo Africa/Ndjamena Africa/Niamey "
     "Africa/Porto-Novo"},
    {"Western European Standard Time", "Western European Summer Time", "", "", 0,
     "Atlantic/Canary Atlantic/Faeroe Atlantic/Madeira Europe/Lisbon"},
    {"Western Indonesia Time", "", "", "", 420, "Asia/Jakarta Asia/Pontianak"},
    {"Yakutsk Standard Time", "Yakutsk Summer Time", "", "", 540,
     "Asia/Chita Asia/Khandyga Asia/Yakutsk"},
    {"Yekaterinburg Standard Time", "Yekaterinburg Summer Time", "", "", 300, "Asia/Yekaterinburg"},
    {"Yukon Time", "", "", "", -420, "America/Dawson America/Whitehorse"},
};

bool holds_word(std::string_view words, std::string_view word) {
    for (std::size_t at = words.find(word); at != std::string_view::npos;
         at = words.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::string_view canonical_name(std::string_view name) {
    const auto* at = std::lower_bound(
        std::begin(kRenamed), std::end(kRenamed), name,
        [](const Renamed& one, std::string_view sought) { return one.name < sought; });
    return at != std::end(kRenamed) && at->name == name ? at->canonical : std::string_view();
}

const TimeNames* time_names(std::string_view canonical) {
    const auto* at = std::find_if(std::begin(kTimeNames), std::end(kTimeNames),
                                  [canonical](const TimeNames& one) {
                                      return !canonical.empty() && holds_word(one.zones, canonical);
                                  });
    return at == std::end(kTimeNames) ? nullptr : at;
}

}  // namespace sallyport::engine::jsbox::zones
